import { preparedDataset, type PreparedDataset } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';

const rows = z.array(z.object({ prepared: preparedDataset }));

/** The table `prepared_set`: sets that were made before, by the key of everything that decides what they are. */
@Injectable()
export class PreparedSetTable {
  constructor(private readonly dataSource: DataSource) {}

  async find(key: string): Promise<PreparedDataset | undefined> {
    const found = await this.dataSource.query<unknown>('SELECT prepared FROM prepared_set WHERE key = $1', [key]);
    return rows.parse(found)[0]?.prepared;
  }

  async insert(tx: EntityManager, key: string, prepared: PreparedDataset): Promise<void> {
    await tx.query(
      `INSERT INTO prepared_set (key, prepared) VALUES ($1, $2::jsonb)
       ON CONFLICT (key) DO UPDATE SET prepared = excluded.prepared, created_at = now()`,
      [key, JSON.stringify(prepared)],
    );
  }
}
