-- maintain_done: all that was found is counted.
-- Parameters: none.  Locks: the row of rollup_state.
SELECT message_sender.rollup_done()
