import type { z } from 'zod';
import { openaiError } from './openai.api.js';
import { refusalsOf, type ApiRoute, type Content } from './openapi.route.js';
import { apiRoutes } from './openapi.routes.js';
import { DocumentSchemas, type Json } from './openapi.schemas.js';
import { apiError } from './runs.api.js';

const refusals: Readonly<Record<number, string>> = {
  400: 'The request is not valid; the answer names the field at fault.',
  401: 'The API key is missing, wrong, revoked or expired.',
  403: 'The API key may not do this.',
  404: 'There is no such thing, or it belongs to another project.',
  409: 'The state of the thing does not allow this.',
  413: 'The body is larger than this call takes.',
  415: 'The body has a content type that is not read here.',
  422: 'No host that is there can do this; the message has the figures.',
  429: 'The API key made too many requests; the same request may be sent again after a pause.',
  503: 'Something that the gateway needs is away; the same request may be sent again.',
  507: 'The disk of the gateway is full.',
};
const requestId: Json = {
  description: 'Id of the request, under which the log has more; one that was sent is kept.',
  required: true,
  schema: { type: 'string' },
};
/** Headers that only some answers have. */
const headersOf: Readonly<Record<number, Json>> = {
  401: { 'WWW-Authenticate': { required: true, schema: { const: 'Bearer' } } },
  409: {
    'x-should-retry': { description: 'Tells the official clients not to try again.', schema: { const: 'false' } },
  },
  429: { 'Retry-After': { required: true, description: 'Seconds.', schema: { type: 'integer' } } },
};

/** Which of the two forms an error has. */
type Surface = 'native' | 'openai';

/** The HTTP side of the gateway as an OpenAPI 3.1 document. */
export function openApi(): Json {
  const schemas = new DocumentSchemas();
  const paths: Record<string, Json> = {};
  for (const route of apiRoutes) {
    const path = (paths[route.path] ??= {});
    path[route.method] = operationOf(route, schemas);
  }
  return schemas.complete({
    openapi: '3.1.1',
    info: {
      title: 'Anneal',
      version: '1',
      description:
        'Below /v1 what code written for the fine-tuning calls of OpenAI expects, below /api all that has no place there.',
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'A key of the API.' } },
      headers: { RequestId: requestId },
      responses: { ...refusalsIn('native', apiError, schemas), ...refusalsIn('openai', openaiError, schemas) },
    },
  });
}

function operationOf(route: ApiRoute, schemas: DocumentSchemas): Json {
  const surface: Surface = route.path.startsWith('/v1') ? 'openai' : 'native';
  const answers = Object.entries(route.answers).map(([status, content]) => [
    status,
    {
      description: route.summary,
      headers: headers(),
      content: contentOf(content, (schema) => schemas.answers(schema)),
      ...linksOf(route),
    },
  ]);
  const refused = refusalsOf(route).map((status) => [
    status,
    { $ref: `#/components/responses/${refusalName(surface, status)}` },
  ]);
  const parameters = parametersOf(route, schemas);
  return {
    operationId: route.id,
    summary: route.summary,
    tags: [tagOf(route)],
    ...(route.open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? {
          requestBody: {
            required: route.bodyMayBeAbsent !== true,
            content: contentOf(route.body, (schema) => schemas.asks(schema)),
          },
        }
      : {}),
    responses: Object.fromEntries([...answers, ...refused]) as Json,
  };
}

/** What can be asked of the thing that an answer tells of. */
function linksOf({ path, idAt }: ApiRoute): Json {
  if (idAt === undefined) return {};
  const below = apiRoutes.filter((other) => other.path.startsWith(`${path}/{`));
  const links = below.map(({ id: operationId, path: target }) => {
    const [, name = ''] = /\{(\w+)\}/.exec(target) ?? [];
    return [operationId, { operationId, parameters: { [name]: `$response.body#${idAt}` } }];
  });
  return { links: Object.fromEntries(links) as Json };
}

function tagOf({ path }: ApiRoute): string {
  const [, first = '', second = ''] = path.split('/');
  return first === 'api' || first === 'v1' ? second.replace(/\.json$/, '') : 'operators';
}

function parametersOf({ path, query, parameters = [] }: ApiRoute, schemas: DocumentSchemas): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1 },
  }));
  const inQuery = Object.entries<z.ZodType>(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: !schema.safeParse(undefined).success,
    schema: schemas.asks(schema),
  }));
  return [...inPath, ...inQuery, ...parameters.map((parameter) => ({ ...parameter }))];
}

function contentOf({ types, schema }: Content, write: (schema: z.ZodType) => Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema: write(schema) }]));
}

function refusalName(surface: Surface, status: number): string {
  return `${surface}${status}`;
}

function refusalsIn(surface: Surface, schema: z.ZodType, schemas: DocumentSchemas): Json {
  return Object.fromEntries(
    Object.entries(refusals).map(([status, description]) => [
      refusalName(surface, Number(status)),
      {
        description,
        headers: headers(headersOf[Number(status)]),
        content: { 'application/json': { schema: schemas.answers(schema) } },
      },
    ]),
  );
}

function headers(more: Json = {}): Json {
  return { 'x-request-id': { $ref: '#/components/headers/RequestId' }, ...more };
}
