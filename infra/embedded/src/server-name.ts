export const serverNames = ['nats', 'postgres', 's3'] as const;

export type ServerName = (typeof serverNames)[number];
