import { messages, type PGlite, protocol } from '@electric-sql/pglite'
import { BindPacket, type BoundValue } from './bind-packet.ts'

const { serialize } = protocol

interface Prepared {
  readonly name: string
  readonly parameterTypes: readonly number[]
  readonly columns: readonly { readonly name: string; readonly dataTypeID: number }[]
}

/**
 * Statements that the embedded database parses and plans once. PGlite does so with every query, in five turns through WebAssembly,
 * which costs more than storing some twenty rows. For the few statements that every group of fixes runs.
 */
export class PreparedStatements {
  readonly #db: PGlite
  readonly #prepared = new Map<string, Prepared>()
  readonly #packet = new BindPacket()

  constructor(db: PGlite) {
    this.#db = db
  }

  query(sql: string, params: readonly unknown[]): Promise<object[]> {
    return this.#db.runExclusive(async () => {
      const { name, parameterTypes, columns } = this.#prepared.get(sql) ?? (await this.#prepare(sql))
      const values = params.map((param, i) => this.#serialized(param, parameterTypes[i]!))
      const answers = await this.#say(this.#packet.encode(name, values))
      return answers
        .filter(answer => answer instanceof messages.DataRowMessage)
        .map(({ fields }) =>
          Object.fromEntries(columns.map((column, i) => [column.name, this.#parsed(fields[i]!, column)])),
        )
    })
  }

  async #prepare(sql: string): Promise<Prepared> {
    const name = `prepared-${this.#prepared.size}`
    const question = [serialize.parse({ name, text: sql }), serialize.describe({ type: 'S', name }), serialize.sync()]
    const answers = await this.#say(Buffer.concat(question))
    const prepared = {
      name,
      parameterTypes: answers.find(answer => answer instanceof messages.ParameterDescriptionMessage)?.dataTypeIDs ?? [],
      columns: answers.find(answer => answer instanceof messages.RowDescriptionMessage)?.fields ?? [],
    }
    this.#prepared.set(sql, prepared)
    return prepared
  }

  /** PGlite reads the packet before it returns. */
  #say(packet: Uint8Array): Promise<messages.BackendMessage[]> {
    return this.#db.execProtocolStream(packet, { syncToFs: false })
  }

  #serialized(value: unknown, type: number): BoundValue {
    if (value === null || value === undefined) return null
    if (value instanceof Uint8Array) return value
    return this.#db.serializers[type]?.(value) ?? String(value)
  }

  #parsed(text: string | null, { dataTypeID }: { readonly dataTypeID: number }): unknown {
    const parse = this.#db.parsers[dataTypeID]
    return text === null || parse === undefined ? text : parse(text)
  }
}
