import multipart from '@fastify/multipart';
import { Failure } from '@anneal/contracts';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { HttpStatus, Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { GatewayConfig } from '../gateway.config.js';
import { Admission } from '../keys/admission.js';
import type { Caller, WithCaller } from '../keys/caller.js';
import { isGuarded } from './api-key.js';
import { jsonTypes, largestBodyBytes, readJson, readYaml, yamlTypes } from './body.js';
import { corsHeaders } from './cors.js';
import { requestIdOf } from './request-id.js';
import { requireStorable } from './storable.js';

const safe = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Answers are data: no browser has anything to run, to frame or to keep of them. */
const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** What every request passes before a controller sees it: its id, the API key, limits, and the reading of its body. */
@Injectable()
export class HttpEdge implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    private readonly admission: Admission,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance();
    server.setGenReqId((request) => requestIdOf(request.headers['x-request-id']));
    // Before the body is read: without a key nobody makes this service parse anything.
    server.addHook('onRequest', async (request, reply) => {
      void reply.header('x-request-id', request.id).headers(securityHeaders);
      const cors = corsHeaders(this.config.CORS_ORIGINS, request.headers);
      if (cors) {
        void reply.headers(cors);
        // A browser asks before it sends the key.
        if (request.method === 'OPTIONS') return reply.status(HttpStatus.NO_CONTENT).send();
      }
      if (!isGuarded(request.routeOptions.url, request.url)) return;
      const wanted = safe.has(request.method) ? 'read' : 'submit';
      const caller = await this.admission.admit(request.headers.authorization, wanted);
      (request as WithCaller).caller = caller;
      // A form is counted while it arrives, with the limit for files.
      if (!isForm(request.headers['content-type'])) requireBody(caller, Number(request.headers['content-length'] ?? 0));
    });
    server.addHook('preValidation', async ({ params, query }) => {
      requireStorable(params);
      requireStorable(query);
    });
    server.addHook('onResponse', async (request, { statusCode }) => {
      const { caller, method, id, routeOptions, url } = request as typeof request & WithCaller;
      if (!caller || safe.has(method)) return;
      const { keyId: key, project } = caller;
      const path = routeOptions.url ?? url.split('?')[0];
      this.logger.info(
        { audit: true, key, project, method, path, statusCode, requestId: id },
        'a change was asked for',
      );
    });
    // Forms and plain text, which the framework would also take, are no RunSpec.
    server.removeAllContentTypeParsers();
    const options = { parseAs: 'string', bodyLimit: largestBodyBytes } as const;
    const reading = (read: (text: string) => unknown) => async (request: object, body: string) => {
      requireBody((request as WithCaller).caller, Buffer.byteLength(body));
      return read(body);
    };
    server.addContentTypeParser(jsonTypes, options, reading(readJson));
    server.addContentTypeParser(yamlTypes, options, reading(readYaml));
    // Each route that takes files counts their bytes itself, with a limit of its own.
    const limits = { fileSize: Number.MAX_SAFE_INTEGER, files: 2, parts: 20, fieldSize: 4096, headerPairs: 50 };
    void server.register(multipart, { limits });
  }
}

function isForm(contentType: string | undefined): boolean {
  return /^multipart\//i.test(contentType ?? '');
}

/** @throws Failure REQUEST_TOO_LARGE for more than the caller's key may send */
function requireBody(caller: Caller | undefined, bytes: number): void {
  const most = caller?.limits.largestBodyBytes;
  if (most === undefined || bytes <= most) return;
  throw new Failure('REQUEST_TOO_LARGE', `The body is larger than the ${most} bytes that this API key may send.`, {
    remedy: 'Send less, or ask an administrator for a key with a larger limit.',
  });
}
