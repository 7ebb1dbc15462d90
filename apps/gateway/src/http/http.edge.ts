import multipart from '@fastify/multipart';
import { LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { Admission } from '../keys/admission.js';
import type { WithCaller } from '../keys/caller.js';
import { isGuarded } from './api-key.js';
import { jsonTypes, largestBodyBytes, readJson, readYaml, yamlTypes } from './body.js';
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
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance();
    server.setGenReqId((request) => requestIdOf(request.headers['x-request-id']));
    // Before the body is read: without a key nobody makes this service parse anything.
    server.addHook('onRequest', async (request, reply) => {
      void reply.header('x-request-id', request.id).headers(securityHeaders);
      if (!isGuarded(request.routeOptions.url, request.url)) return;
      const wanted = safe.has(request.method) ? 'read' : 'submit';
      (request as WithCaller).caller = await this.admission.admit(request.headers.authorization, wanted);
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
    server.addContentTypeParser(jsonTypes, options, async (_request: unknown, body: string) => readJson(body));
    server.addContentTypeParser(yamlTypes, options, async (_request: unknown, body: string) => readYaml(body));
    // Each route that takes files counts their bytes itself, with a limit of its own.
    const limits = { fileSize: Number.MAX_SAFE_INTEGER, files: 2, parts: 20, fieldSize: 4096, headerPairs: 50 };
    void server.register(multipart, { limits });
  }
}
