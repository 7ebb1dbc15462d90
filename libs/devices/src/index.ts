export { HostDevices, hostConfigShape, type DeviceKind } from './host.devices.js';
export { DeviceQueue, type DeviceQueueOptions, type Wanted } from './device.queue.js';
export { deviceOverview } from './overview.js';
export { deviceProviders } from './provider.js';
export { openDeviceSchema } from './schema.js';
export { readHosts, registerHost, type HostRow } from './host.table.js';
