import { runService } from '@anneal/service';
import { mergerService } from './service.js';

await runService(mergerService);
