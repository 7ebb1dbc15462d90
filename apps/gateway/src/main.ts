import { runService } from '@anneal/service';
import { gatewayService } from './service.js';

await runService(gatewayService);
