"""How seldom the monitor errs and how soon it sees a change."""
