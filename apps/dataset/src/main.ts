import { runService } from '@anneal/service';
import { datasetService } from './service.js';

await runService(datasetService);
