import { CHANNEL_NAMES, CHANNELS, ROLES, type Role } from '../../../../../contract/index.ts'

const SCOPES = { own: 'own', granted: 'granted', any: 'all' } as const

/** What a role may do on each channel: the contract's own table. */
export function RoleTable() {
  return (
    <>
      <p className="muted">
        Own: only about itself. Granted: of the devices and groups of its account. All: of the organisation. An access
        token may carry rules that allow less or more.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is wider than a phone, and the keyboard scrolls it too */}
      <section className="box table-scroll" aria-label="Rights of the roles" tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Channel</th>
              {ROLES.map(role => (
                <th key={role} scope="col">
                  {role}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {CHANNEL_NAMES.map(name => (
              <tr key={name}>
                <th scope="row">
                  <code>{CHANNELS[name].template}</code>
                </th>
                {ROLES.map(role => (
                  <td key={role}>{rightsText(name, role)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}

function rightsText(name: (typeof CHANNEL_NAMES)[number], role: Role): string {
  const { publish, subscribe } = CHANNELS[name] as {
    readonly publish: Partial<Record<Role, keyof typeof SCOPES>>
    readonly subscribe: Partial<Record<Role, keyof typeof SCOPES>>
  }
  const reads = subscribe[role]
  const sends = publish[role]
  const said = [reads && `reads ${SCOPES[reads]}`, sends && `sends ${SCOPES[sends]}`].filter(Boolean)
  return said.length === 0 ? '–' : said.join(', ')
}
