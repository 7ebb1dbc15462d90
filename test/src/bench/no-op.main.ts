import { runService } from '@anneal/service';
import { noOpService } from './no-op.services.js';

await runService(noOpService(process.env['STAGE'] ?? ''));
