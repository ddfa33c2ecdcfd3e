//! Tables as Arrow: the schemas, and the step from columns to record batches, which copies no
//! text.
