import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly target: readonly string[] }[]
}

/** Checks the page as it is now by the rules of axe-core (WCAG 2.2 A and AA, and its best practices). */
export async function checkAccessibility(page: Page, what: string): Promise<void> {
  // What is let in by the content security policy of the page is what it loaded itself: this comes by the debugger.
  await page.evaluate(AXE)
  const violations = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
  )) as Violation[]
  const told = violations.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target).join('; ')})`,
  )
  assert.deepEqual(told, [], `${what} is accessible`)
}
