import { randomUUID } from 'node:crypto';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { GatewayConfig } from '../gateway.config.js';
import { isGuarded, requireApiKey } from './api-key.js';
import { jsonTypes, largestBodyBytes, readJson, readYaml, yamlTypes } from './body.js';

/** What every request passes before a controller sees it: its id, the API key, and the reading of its body. */
@Injectable()
export class HttpEdge implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  onModuleInit(): void {
    const server = this.host.httpAdapter.getInstance();
    server.setGenReqId((request) => requestIdOf(request.headers['x-request-id']));
    // Before the body is read: without the key nobody makes this service parse anything.
    server.addHook('onRequest', async (request, reply) => {
      void reply.header('x-request-id', request.id);
      if (isGuarded(request.routeOptions.url, request.url))
        requireApiKey(request.headers.authorization, this.config.API_KEY);
    });
    // Forms and plain text, which the framework would also take, are no RunSpec.
    server.removeAllContentTypeParsers();
    const options = { parseAs: 'string', bodyLimit: largestBodyBytes } as const;
    server.addContentTypeParser(jsonTypes, options, async (_request: unknown, body: string) => readJson(body));
    server.addContentTypeParser(yamlTypes, options, async (_request: unknown, body: string) => readYaml(body));
  }
}

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
