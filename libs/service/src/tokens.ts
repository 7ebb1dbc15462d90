/** Names under which Nest hands out what is not a class. */
export const CONFIG = Symbol('configuration of the service');
export const LOGGER = Symbol('logger');
export const METRICS = Symbol('metrics');
export const READINESS = Symbol('readiness');
export const TRACER = Symbol('tracer of the service');
export const NATS = Symbol('connection to the broker');
