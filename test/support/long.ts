/** Whether the tests that could go on for an hour take the larger part of the real data: `TRACKWIRE_TEST_LONG=1 npm test`. */
export const isLong = process.env.TRACKWIRE_TEST_LONG === '1'
