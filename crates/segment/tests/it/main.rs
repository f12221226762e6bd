//! Files written and read back, torn and damaged: the promises of SPEC section 3 about what is left behind.

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod torn;
#[cfg(test)]
mod whole;
