/*
 * The little linear algebra that training needs, in double precision, for
 * symmetric matrices of at most a few hundred rows. Row-major. Deterministic:
 * no threads, no library that picks its kernel by processor. Any thread.
 */
#ifndef VU_ML_LINEAR_H
#define VU_ML_LINEAR_H

#include "base/status.h"

#include <stddef.h>

/*
 * Eigenvalues (descending) and eigenvectors (rows of `vectors`, unit length,
 * the largest component positive) of the symmetric n x n `matrix`, which is
 * destroyed. Cyclic Jacobi rotations (Golub & Van Loan, section 8.5).
 * INTERNAL when it does not converge, which takes a value that is not a number.
 */
vu_status vu_linear_eigen(double *matrix, size_t n, double *values, double *vectors);

/*
 * Solves between v = lambda within v: rows of `basis` (n x n) are the
 * directions in descending order of lambda, scaled so that basis within
 * basis^T = I. Directions in which `within` is below `floor_share` of its mean
 * variance are treated as if it were that. Both inputs are destroyed.
 */
vu_status vu_linear_generalized_eigen(double *between, double *within, size_t n, double floor_share, double *values,
                                      double *basis);

/* Solves the symmetric positive definite system a x = b in place of b. INTERNAL when a is not positive definite. */
vu_status vu_linear_solve(double *a, double *b, size_t n);

#endif
