import 'reflect-metadata';
import { RequestMethod, type Type } from '@nestjs/common';

export interface DeclaredRoute {
  readonly method: string;
  /** With `:name` in the place of each parameter. */
  readonly path: string;
}

/** Every route that these controllers declare, as the framework has it. */
export function declaredRoutes(controllers: readonly Type<unknown>[]): DeclaredRoute[] {
  return controllers.flatMap((controller) => {
    const base = String(Reflect.getMetadata('path', controller));
    const prototype = controller.prototype as Record<string, object>;
    return Object.getOwnPropertyNames(prototype).flatMap((name) => {
      const handler = prototype[name];
      // The constructor has a path, too, which is the one of the controller.
      const path: unknown = handler && Reflect.getMetadata('path', handler);
      const method: unknown = handler && Reflect.getMetadata('method', handler);
      if (typeof path !== 'string' || typeof method !== 'number') return [];
      return [
        { method: RequestMethod[method] ?? '', path: `/${base}/${path}`.replace(/\/+/g, '/').replace(/\/$/, '') },
      ];
    });
  });
}
