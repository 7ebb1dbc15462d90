import { runService } from '@anneal/service';
import { trainerService } from './service.js';

await runService(trainerService);
