/**
 * Ends a test process when its run was killed. Otherwise the process would continue and start its
 * servers again. A process runs this file once for each of its test files.
 */
const HAS_LISTENER = Symbol.for('keepsake.ends-with-run');

if (!(HAS_LISTENER in process)) {
  Object.assign(process, { [HAS_LISTENER]: true });
  process.once('disconnect', () => process.exit(1));
}
