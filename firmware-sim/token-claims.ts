/**
 * What a token says of its bearer, without checking its signature: that is the broker's business. A device needs `sub` to
 * know where its errors are told, the command line `org` to build topics. Undefined where the token is not a JWT.
 */
function claimOf(token: string, name: 'sub' | 'org' | 'role'): string | undefined {
  const [, payload] = token.split('.')
  if (payload === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    const value = (claims as Record<string, unknown> | null)?.[name]
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

export function subjectOf(token: string): string | undefined {
  return claimOf(token, 'sub')
}

export function organisationOf(token: string): string | undefined {
  return claimOf(token, 'org')
}

export function roleOf(token: string): string | undefined {
  return claimOf(token, 'role')
}
