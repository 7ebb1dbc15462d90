import type { Measurement } from '@anneal/contracts';
import { Controller, Get } from '@nestjs/common';
import { MeasuredTrainings } from './measured.trainings.js';

/** What corrects estimates, for whoever makes them elsewhere. */
@Controller('api/measurements')
export class MeasurementsController {
  constructor(private readonly measured: MeasuredTrainings) {}

  /** Of all projects: they share the GPUs, and no run is named. */
  @Get()
  async list(): Promise<{ measurements: Measurement[] }> {
    return { measurements: await this.measured.list() };
  }
}
