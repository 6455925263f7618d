//! Observations to incidents, exposure, verdict and the eleven answers.
