import { openApi } from '@anneal/contracts';
import { HealthController } from '@anneal/service';
import type { Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import type { GatewayConfig } from '../gateway.config.js';
import { gatewayService } from '../service.js';
import { isGuarded } from './api-key.js';
import { declaredRoutes } from './declared-routes.fixture.js';

interface Document {
  paths: Record<string, Record<string, { operationId: string; security?: unknown[] }>>;
}

const operations = Object.entries((openApi() as unknown as Document).paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, ...operation })),
);

describe('the OpenAPI document', () => {
  it('has the routes that the controllers declare, and no others', () => {
    // The module is only declared here, and its configuration not read.
    const { controllers = [] } = gatewayService.module({} as GatewayConfig);
    const declared = declaredRoutes([HealthController, ...(controllers as Type<unknown>[])]);
    const written = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(written.toSorted()).toEqual(
      declared.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`).toSorted(),
    );
  });

  it('asks for a key where the gateway does', () => {
    for (const { path, security } of operations) {
      const route = path.replace(/\{(\w+)\}/g, ':$1');
      expect(isGuarded(route, route), path).toBe(security === undefined);
    }
  });

  it('names every operation once', () => {
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  });
});
