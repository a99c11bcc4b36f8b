/** Everything that is not MQTT: storage, the ingest pipeline, accounts and tokens, the HTTP API. */
export {
  type Account,
  type Accounts,
  createAccounts,
  createUser,
  ensureFirstAccount,
  type Session,
  setPassword,
} from './auth/accounts.ts'
export { openSigningKeys, rotateSigningKey, type SigningKeys } from './auth/signing-keys.ts'
export { createTokens, type TokenRequest, type Tokens } from './auth/tokens.ts'
export { createHttpApp, type HttpAppOptions } from './http/app.ts'
export type { HealthCheck, PartHealth } from './http/routes/health.ts'
