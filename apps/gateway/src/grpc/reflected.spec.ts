import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { reflectedPackage } from './reflected.js';

type AnyMessage = MessageTypeDefinition<object, object>;

/** The files that reflection tells of, by their packages. */
function filesByPackage(): Map<string, object> {
  const descriptors = loadSync('google/protobuf/descriptor.proto', { enums: String });
  const form = descriptors['google.protobuf.FileDescriptorProto'] as AnyMessage;
  const { fileDescriptorProtos } = Object.values(reflectedPackage())[0] as AnyMessage;
  const files = fileDescriptorProtos.map((bytes) => form.deserialize(bytes) as { package: string });
  return new Map(files.map((file) => [file.package, file]));
}

const having = (...parts: object[]): unknown =>
  expect.arrayContaining(parts.map((part) => expect.objectContaining(part) as unknown));

describe('what reflection tells', () => {
  const files = filesByPackage();

  it('has absolute names and the files that they are in', () => {
    expect(files.get('anneal.runs.v1')).toMatchObject({
      dependency: ['google_protobuf.proto'],
      service: [{ name: 'Runs', method: having({ name: 'Get', outputType: '.anneal.runs.v1.Run' }) }],
      messageType: having({
        name: 'SubmitRequest',
        field: having({ name: 'spec', typeName: '.google.protobuf.Struct' }),
        oneofDecl: [{ name: 'run_spec' }],
      }),
    });
  });

  it('has the health of the server, too', () => {
    expect(files.get('grpc.health.v1')).toMatchObject({ service: [{ name: 'Health' }] });
  });

  it('has the names of the files and those of JSON', () => {
    expect(files.get('anneal.runs.v1')).toMatchObject({
      messageType: having({ name: 'Run', field: having({ name: 'created_at', jsonName: 'createdAt' }) }),
    });
  });

  it('says which fields are optional, and which are in a group that was not made up', () => {
    expect(files.get('anneal.runs.v1')).toMatchObject({
      messageType: having(
        { name: 'Progress', field: having({ name: 'loss', proto3Optional: true }) },
        { name: 'RunUpdate', field: having({ name: 'run', proto3Optional: false }) },
      ),
    });
  });

  it('names the entries of maps as is prescribed', () => {
    expect(files.get('google.rpc')).toMatchObject({
      messageType: having({
        name: 'ErrorInfo',
        field: having({ name: 'metadata', typeName: '.google.rpc.ErrorInfo.MetadataEntry' }),
        nestedType: [expect.objectContaining({ name: 'MetadataEntry' })],
      }),
    });
  });
});
