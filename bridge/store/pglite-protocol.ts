/** What the main thread and the PGlite worker say to each other. Statements run in the order they are sent. */
export interface WorkerStart {
  /** Folder of the data. */
  readonly folder: string
}

export type WorkerRequest =
  | { readonly id: number; readonly sql: string; readonly params: readonly unknown[] }
  /** Several statements, no parameters, no rows. */
  | { readonly id: number; readonly script: string }
  | { readonly close: true }

export type WorkerReply =
  | { readonly ready: true }
  | { readonly id: number; readonly rows: object[] }
  | { readonly id: number; readonly code: string; readonly message: string }
