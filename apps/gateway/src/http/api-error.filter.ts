import { LOGGER, type Logger } from '@anneal/service';
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { toErrorAnswer } from './api-error.js';

interface Request {
  readonly id: string;
  readonly method: string;
}

interface Reply {
  readonly sent: boolean;
  status(code: number): this;
  header(name: string, value: string): this;
  send(body: unknown): unknown;
}

/** Every failure of the API leaves through here, in one form. */
@Catch()
export class ApiErrorFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const request = host.switchToHttp().getRequest<Request>();
    const reply = host.switchToHttp().getResponse<Reply>();
    const { status, body } = toErrorAnswer(error);
    if (status >= 500) {
      this.logger.error({ err: error, requestId: request.id, method: request.method }, 'a request failed');
    }
    if (reply.sent) return;
    if (status === 401) reply.header('www-authenticate', 'Bearer');
    reply.status(status).send(body);
  }
}
