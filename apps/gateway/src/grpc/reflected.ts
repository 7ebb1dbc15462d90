import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { protoPath as healthFile } from 'grpc-health-check';
import { z } from 'zod';
import { protocolFiles, runsService } from './protocol.js';

export const reflectedServices = [runsService, 'grpc.health.v1.Health'];

const named = z.looseObject({ name: z.string() });
const field = named.extend({ typeName: z.string().optional(), oneofIndex: z.int().optional() });
interface Message {
  readonly name: string;
  readonly field: z.infer<typeof field>[];
  readonly enumType: z.infer<typeof named>[];
  readonly oneofDecl: z.infer<typeof named>[];
  readonly options?: { readonly mapEntry?: boolean | undefined } | undefined;
  readonly nestedType: Message[];
}
const message: z.ZodType<Message> = named.extend({
  field: z.array(field).default([]),
  enumType: z.array(named).default([]),
  oneofDecl: z.array(named).default([]),
  options: z.looseObject({ mapEntry: z.boolean().optional() }).optional(),
  nestedType: z.lazy(() => z.array(message)).default([]),
});
const method = named.extend({ inputType: z.string(), outputType: z.string() });
const service = named.extend({ method: z.array(method).default([]) });
const file = named.extend({
  package: z.string(),
  messageType: z.array(message).default([]),
  enumType: z.array(named).default([]),
  service: z.array(service).default([]),
});
type File = z.infer<typeof file>;

/**
 * What reflection tells of the protocol, and of health. The loader's own descriptions lack what strict clients insist on: the files
 * that a file stands on, absolute names of types, names of JSON, and the prescribed names of map entries.
 */
export function reflectedPackage(): PackageDefinition {
  const { FileDescriptorProto } = loadDescriptors();
  const names = [...protocolFiles.names, healthFile];
  // Here the names of fields are as they are written in the files.
  const declared = loadSync(names, { includeDirs: protocolFiles.folders, keepCase: true });
  const [any] = Object.values(declared).filter(isMessage);
  if (!any) return declared;
  const files = any.fileDescriptorProtos.map((bytes) => file.parse(FileDescriptorProto.deserialize(bytes)));
  const placeOf = new Map(files.flatMap((each) => [...namesOf(each)].map((name) => [name, each.name] as const)));
  const fileDescriptorProtos = files.map((each) => FileDescriptorProto.serialize(completed(each, placeOf)));
  return { protocol: { ...any, fileDescriptorProtos } };
}

function loadDescriptors(): { FileDescriptorProto: MessageTypeDefinition<object, object> } {
  const { 'google.protobuf.FileDescriptorProto': found } = loadSync('google/protobuf/descriptor.proto', {
    enums: String,
  });
  if (!isMessage(found)) throw new Error('the loader does not know the form of descriptors');
  return { FileDescriptorProto: found };
}

function isMessage(
  definition: PackageDefinition[string] | undefined,
): definition is MessageTypeDefinition<object, object> {
  return definition?.format === 'Protocol Buffer 3 DescriptorProto';
}

function* namesOf({ package: scope, messageType, enumType }: File): Iterable<string> {
  for (const { name } of enumType) yield `${scope}.${name}`;
  for (const each of messageType) yield* namesOfMessage(each, scope);
}

function* namesOfMessage({ name, enumType, nestedType }: Message, scope: string): Iterable<string> {
  yield `${scope}.${name}`;
  for (const inner of enumType) yield `${scope}.${name}.${inner.name}`;
  for (const inner of nestedType) yield* namesOfMessage(inner, `${scope}.${name}`);
}

/** A file with absolute names and with what it stands on. */
function completed(given: File, placeOf: ReadonlyMap<string, string>): object {
  const dependency = new Set<string>();
  const absolute = (name: string, scope: string): string => {
    const found = scopesOutwards(scope)
      .map((at) => (name.startsWith('.') ? name : `${at}.${name}`).replace(/^\./, ''))
      .find((candidate) => placeOf.has(candidate));
    const place = found && placeOf.get(found);
    if (!found || !place) throw new Error(`${given.name} has no type ${name}`);
    if (place !== given.name) dependency.add(place);
    return `.${found}`;
  };
  const messageType = given.messageType.map((each) => completedMessage(each, given.package, absolute));
  const services = given.service.map((each) => ({
    ...each,
    method: each.method.map((one) => ({
      ...one,
      inputType: absolute(one.inputType, given.package),
      outputType: absolute(one.outputType, given.package),
    })),
  }));
  return { ...given, messageType, service: services, dependency: [...dependency] };
}

function completedMessage(given: Message, scope: string, absolute: (name: string, scope: string) => string): Message {
  const inside = `${scope}.${given.name}`;
  const entries = new Set(given.nestedType.filter(({ options }) => options?.mapEntry).map(({ name }) => name));
  const ending = (name: string): string => (entries.has(name) ? 'Entry' : '');
  return {
    ...given,
    field: given.field.map(({ typeName, oneofIndex, ...rest }) => ({
      ...rest,
      jsonName: rest.name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
      ...(typeName === undefined ? {} : { typeName: absolute(typeName, inside) + ending(typeName) }),
      ...(oneofIndex === undefined ? {} : { oneofIndex, proto3Optional: isMadeUp(given, oneofIndex) }),
    })),
    nestedType: given.nestedType.map((inner) => ({
      ...completedMessage(inner, inside, absolute),
      name: inner.name + ending(inner.name),
    })),
  };
}

/** The loader puts an optional field into a group of its own, and does not say that the group was made up. */
function isMadeUp({ oneofDecl }: Message, index: number): boolean {
  return oneofDecl[index]?.name.startsWith('_') === true;
}

/** Where a name is looked for: `a.b`, `a`, and the outside of all packages. */
function scopesOutwards(scope: string): string[] {
  const parts = scope.split('.');
  return [...parts.map((_, index) => parts.slice(0, parts.length - index).join('.')), ''];
}
