-- maintain_look: looks for slots of the roll-ups that are to be counted (again).
-- Parameters: none.  Result: one row, how many there are.  Locks: the row of rollup_state.
SELECT message_sender.rollup_find()
