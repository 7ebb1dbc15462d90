import { LOGGER, type Logger } from '@anneal/service';
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { answerError, type Reply } from './answer-error.js';

interface Request {
  readonly id: string;
  readonly method: string;
  readonly url: string;
}

/** Every failure of a route leaves through here. */
@Catch()
export class ApiErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const { id: requestId, method, url } = host.switchToHttp().getRequest<Request>();
    const status = answerError(error, url, host.switchToHttp().getResponse<Reply>());
    if (status >= 500) this.logger.error({ err: error, requestId, method }, 'a request failed');
  }
}
