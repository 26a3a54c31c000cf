/**
 * A test process whose run was killed ends too; else it would go on, and start its servers again.
 */
process.once('disconnect', () => process.exit(1));
