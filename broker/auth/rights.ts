import type { Principal } from '../../contract/index.ts'

/** The rights of one principal, of anybody in the organisation (`sub: null`), or of anybody at all (`org: null`), may be others now. */
export interface RightsChange {
  readonly org: string | null
  readonly sub: string | null
}

/** What is said of a principal now, beside the claims of its token. Nothing waits for it: it answers from memory. */
export interface Rights {
  /**
   * Keeps `org`, `sub` and the expiry.
   * @throws TrackwireError principal_banned, token_revoked
   */
  current(issued: Principal): Principal
  /** Called after a change is in force. @returns what ends it */
  onChange(listener: (change: RightsChange) => void): () => void
}

/** The token speaks for itself. */
export const AS_ISSUED: Rights = { current: issued => issued, onChange: () => () => {} }
