import type { AclRule, Principal } from '../../contract/index.ts'

/**
 * Fills `${clientid}` and `${username}` in the rules of an `acl` claim. Both are the client's own choice, so one that is no
 * single plain topic level must not widen anything: an allow rule with it falls away, a deny rule takes `+`.
 */
export function fillAcl(principal: Principal, names: { clientId: string; username: string | undefined }): Principal {
  if (principal.acl.every(({ topic }) => !topic.includes('${'))) return principal
  const acl: AclRule[] = []
  for (const rule of principal.acl) {
    const topic = fill(rule, names)
    if (topic !== null) acl.push({ ...rule, topic })
  }
  return { ...principal, acl }
}

function fill(
  { topic, permission }: AclRule,
  names: { clientId: string; username: string | undefined },
): string | null {
  let unusable = false
  const filled = topic.replaceAll(/\$\{(clientid|username)\}/g, (_, name) => {
    const value = name === 'clientid' ? names.clientId : (names.username ?? '')
    if (value !== '' && !/[/+#\0]/.test(value)) return value
    unusable = true
    return '+'
  })
  return unusable && permission === 'allow' ? null : filled
}
