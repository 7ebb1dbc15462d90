import { runService } from '@anneal/service';
import { evaluatorService } from './service.js';

await runService(evaluatorService);
