/** Whether the tests that could go on for an hour take more of the real data and more random cases: `TRACKWIRE_TEST_LONG=1 npm test`. */
export const isLong = process.env.TRACKWIRE_TEST_LONG === '1'
