// Writes the types of the messages and calls of gRPC, from the .proto files of the contracts.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const target = 'apps/gateway/src/grpc/generated';
rmSync(join(root, target), { recursive: true, force: true });
// The same choices as in src/grpc/protocol.ts, which reads the files when the service starts.
const form = ['--longs=Number', '--enums=String', '--defaults', '--oneofs', '--grpcLib=@grpc/grpc-js'];
const places = ['--importFileExtension=.js', '--includeDirs=libs/contracts/proto', `--outDir=${target}`];
const files = ['anneal/runs/v1/runs.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'];
const generator = createRequire(import.meta.url).resolve('@grpc/proto-loader/build/bin/proto-loader-gen-types.js');
const { status } = spawnSync(process.execPath, [generator, ...form, ...places, ...files], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
