/**
 * Ends a test process when its run was killed. Otherwise the process would continue and start its
 * servers again.
 */
process.once('disconnect', () => process.exit(1));
