import type { TSchema } from 'typebox'
import { PARAMETERS, parametersOf, rightsInWords } from './asyncapi.ts'
import { CHANNEL_NAMES, CHANNELS, type Channel } from './channels.ts'
import { ERRORS } from './errors.ts'

const GENERATED = '<!-- Made from the channel table by "npm run docs"; edit contract/, not this page. -->'

/** `docs/reference/topics.md`: every channel with rights, QoS and fields. */
export function topicPage(): string {
  const rows = CHANNEL_NAMES.map(name => {
    const { template, qos, retain, summary } = CHANNELS[name] as Channel
    return `| \`${plain(template)}\` | ${qos} | ${retain ? 'yes' : ''} | ${summary} |`
  })
  const sections = CHANNEL_NAMES.map(name => channelSection(CHANNELS[name]))
  return `${GENERATED}
# Topics

Payloads are JSON in UTF-8, at most 256 KiB. Degrees WGS 84, metres, metres per second, milliseconds since the Unix epoch.
What is refused is told on \`{org}/users/{userId}/errors\`; the [codes](errors.md) are stable. The same as an
[AsyncAPI 3 document](asyncapi.json).

| Topic | QoS | Retained | |
|---|---|---|---|
${rows.join('\n')}

${sections.join('\n\n')}
`
}

/** `docs/reference/errors.md`: every code, its meaning, whether repeating helps. */
export function errorPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retry, meaning }]) => `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${meaning} |`,
  )
  return `${GENERATED}
# Error codes

Over HTTP a code comes as \`code\` of a problem+json answer (RFC 9457), over MQTT as \`{code, message, topic}\` on
\`{org}/users/{userId}/errors\`. A code never changes its meaning. "Retry" says whether sending the same again can help.

| Code | HTTP | Retry | Meaning |
|---|---|---|---|
${rows.join('\n')}
`
}

function channelSection(channel: Channel): string {
  const { template, summary, payload, publish, subscribe, stored, forwarded } = channel
  const lines = [
    `## ${plain(template)}`,
    '',
    summary,
    '',
    `- Publish: ${rightsInWords(publish) || 'the platform only'}`,
    `- Subscribe: ${rightsInWords(subscribe) || 'nobody'}`,
  ]
  if (stored) lines.push('- Stored: committed before it is acknowledged (QoS 1)')
  if (Object.keys(publish).length > 0 && !forwarded)
    lines.push('- Goes to the platform only; it is not passed on to subscribers')
  for (const { name, choices } of parametersOf(template)) {
    lines.push(`- \`{${name}}\`: ${choices ? choices.join(', ') : PARAMETERS[name]}`)
  }
  if (payload !== null) lines.push('', ...fieldTable(payload))
  return lines.join('\n')
}

function fieldTable(payload: TSchema): string[] {
  const rows = fields(payload as JsonSchema, '', true)
  return rows.length === 0 ? [] : ['| Field | Type | |', '|---|---|---|', ...rows]
}

interface JsonSchema {
  type?: string
  const?: unknown
  anyOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  required?: string[]
  description?: string
  minimum?: number
  maximum?: number
}

function fields(schema: JsonSchema, path: string, required: boolean): string[] {
  const own =
    path === ''
      ? []
      : [`| \`${path}\`${required ? '' : ' (optional)'} | ${typeInWords(schema)} | ${schema.description ?? ''} |`]
  if (schema.type === 'array' && path === '') return fields(schema.items ?? {}, '[]', true)
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, value]) =>
    fields(value, path === '' ? key : `${path}.${key}`, schema.required?.includes(key) ?? false),
  )
  return [...own, ...inner]
}

function typeInWords({ type, const: constant, anyOf, items, minimum, maximum }: JsonSchema): string {
  if (constant !== undefined) return `\`${constant}\``
  if (anyOf)
    return anyOf.every(choice => choice.const !== undefined)
      ? anyOf.map(choice => `\`${choice.const}\``).join(', ')
      : 'see the schema'
  if (type === 'array') return `array of ${typeInWords(items ?? {})}`
  const range = minimum !== undefined && maximum !== undefined && maximum < 1e12 ? `, ${minimum} to ${maximum}` : ''
  return `${type ?? 'anything'}${range}`
}

/** `{event:enter|exit}` reads `{event}` on a page. */
function plain(template: string): string {
  return template.replaceAll(/\{(\w+):[^}]+\}/g, '{$1}')
}
