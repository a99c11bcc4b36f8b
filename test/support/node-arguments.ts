/*
 * Most of what a short-lived platform computes is the optimised compilation of its embedded database. The test run goes
 * without (see scripts/run-tests.mjs), and what its tests start does as they do; a bench or a single test runs as users do.
 */
const QUICK_START = ['--liftoff-only', '--wasm-lazy-compilation']

/** Arguments of node for the programs that a test starts. */
export const NODE_ARGUMENTS = process.execArgv.filter(argument => QUICK_START.includes(argument))
