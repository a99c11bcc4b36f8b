import type { Logger } from 'pino'
import { type OutsideIssuer, startOutsideKeys } from '../bridge/index.ts'
import type { Config } from './config.ts'
import type { Releasers } from './releasers.ts'

/** The outside issuer of the configuration, with its keys where it has a set of them; undefined when only our own tokens count. */
export async function startIdentityProvider(
  { identityProvider }: Config,
  logger: Logger,
  releasers: Releasers,
): Promise<OutsideIssuer | undefined> {
  if (identityProvider === undefined) return undefined
  const { trust, ...issuer } = identityProvider
  if (issuer.audience === undefined) {
    logger.warn(
      'TRACKWIRE_JWT_AUDIENCE is not set: tokens that the identity provider made for other applications count too',
    )
  }
  if ('secret' in trust) return { ...issuer, trust }
  const keys = await startOutsideKeys({ url: trust.jwksUrl, logger })
  releasers.add('identity provider', () => keys.close())
  return { ...issuer, trust: { keys } }
}
