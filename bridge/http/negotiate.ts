import type { FastifyReply, FastifyRequest } from 'fastify'
import { TrackwireError } from '../../contract/index.ts'

/**
 * The form in which the client likes an answer best, of those that there are (RFC 9110 §12.5.1); the first when it does not mind.
 * Named as well as another, a form goes before the first one: whoever names it, means it. Caches are told that it depends.
 * @throws TrackwireError not_acceptable
 */
export function negotiate<Type extends string>(
  request: FastifyRequest,
  reply: FastifyReply,
  offers: readonly [Type, ...Type[]],
): Type {
  const vary = reply.getHeader('vary')
  reply.header('vary', vary === undefined ? 'accept' : `${vary}, accept`)
  const header = request.headers.accept?.trim() ?? ''
  if (header === '') return offers[0]
  const ranges = header.split(',').map(readRange)
  let best: { offer: Type; weight: number; exactness: number } | undefined
  for (const offer of [...offers.slice(1), offers[0]]) {
    const range = ranges.filter(({ type }) => covers(type, offer)).sort((a, b) => b.exactness - a.exactness)[0]
    if (range === undefined || range.weight === 0) continue
    const { weight, exactness } = range
    const isFirst = offer === offers[0]
    if (
      best === undefined ||
      weight > best.weight ||
      (weight === best.weight &&
        (exactness > best.exactness || (isFirst && exactness === best.exactness && exactness < 2)))
    ) {
      best = { offer, weight, exactness }
    }
  }
  if (best !== undefined) return best.offer
  throw new TrackwireError('not_acceptable', `nothing here is ${header.slice(0, 200)}; ask for ${offers.join(', ')}`, {
    details: { offers },
  })
}

function readRange(part: string): { type: string; weight: number; exactness: number } {
  const [type = '', ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
  const q = parameters.find(parameter => parameter.startsWith('q='))
  const weight = q === undefined ? 1 : Number(q.slice(2)) || 0
  return { type, weight, exactness: type === '*/*' ? 0 : type.endsWith('/*') ? 1 : 2 }
}

function covers(range: string, type: string): boolean {
  return range === '*/*' || range === type || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)))
}
