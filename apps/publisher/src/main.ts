import { runService } from '@anneal/service';
import { publisherService } from './service.js';

await runService(publisherService);
