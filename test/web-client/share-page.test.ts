import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Api, ApiError } from '../../web-client/dashboard/src/live/api.ts'
import { codeInFragment, openLink } from '../../web-client/dashboard/src/share/opened-link.ts'
import { remainingText } from '../../web-client/dashboard/src/share/share-time.ts'

const CODE = 'abcdefghijklmnopqrstuvwxyz012345'

test('the code of a link is its fragment, and nothing that looks otherwise', () => {
  assert.equal(codeInFragment(`#${CODE}`), CODE)
  for (const fragment of ['', '#', '#short', `#${CODE}/x`, `#token=${CODE}.a.b`, `#${'a'.repeat(101)}`]) {
    assert.equal(codeInFragment(fragment), null, fragment)
  }
})

const remaining: [ms: number, text: string][] = [
  [-5, '0 s'],
  [45_000, '45 s'],
  [12 * 60_000, '12 min'],
  [89 * 60_000, '1 h 29 min'],
  [76 * 3_600_000, '3 d 4 h'],
]
for (const [ms, text] of remaining) {
  test(`${ms} ms are ${text}`, () => assert.equal(remainingText(ms), text))
}

/** Answers as the platform does: a new token each time, or what `refuse` says. */
function platform(): { api: Api; asked: string[]; refuse: Map<string, number> } {
  const asked: string[] = []
  const refuse = new Map<string, number>()
  let made = 0
  const api: Api = {
    clockOffsetMs: () => 0,
    async request<Answer>(path: string) {
      asked.push(path)
      const status = refuse.get(path)
      if (status !== undefined) throw new ApiError(status, '', 'refused')
      made += 1
      return { token: `t${made}`, expiresIn: 600, org: 'demo', sub: `share:l:${made}` } as Answer
    },
  }
  return { api, asked, refuse }
}

test('a token is renewed when less than a third of it is left, once however many ask', async () => {
  const { api, asked } = platform()
  let nowMs = 0
  const link = await openLink(api, CODE, () => nowMs)
  nowMs = 399_000
  assert.equal(await link.freshToken(), 't1')
  nowMs = 401_000
  assert.deepEqual(await Promise.all([link.freshToken(), link.freshToken()]), ['t2', 't2'])
  assert.deepEqual(asked, ['/share-links/open', '/shared/renew'])
})

test('a page that slept for longer than its token lives opens the link again', async () => {
  const { api, asked, refuse } = platform()
  let nowMs = 0
  const link = await openLink(api, CODE, () => nowMs)
  refuse.set('/shared/renew', 401)
  nowMs = 3_600_000
  assert.equal(await link.freshToken(), 't2')
  assert.deepEqual(asked, ['/share-links/open', '/shared/renew', '/share-links/open'])
})

test('a link that has ended is not opened again', async () => {
  const { api, asked, refuse } = platform()
  const link = await openLink(api, CODE)
  link.forgetToken()
  refuse.set('/shared/renew', 410)
  await assert.rejects(link.freshToken(), (error: ApiError) => error.status === 410)
  assert.deepEqual(asked, ['/share-links/open', '/shared/renew'])
})
