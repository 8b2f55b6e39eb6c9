use awing::{Error, Result, geometry::Point, scheme::Landmark};

/// The error of each point: ‖predicted − truth‖ / `distance`, a fraction; `None` where the point is not annotated.
///
/// # Errors
/// [`Error::Invalid`] when the two lists differ in length, a prediction or an annotation is not finite, `distance` is
/// not a positive number, or no point is annotated.
pub fn point_errors(predicted: &[Point], truth: &[Landmark], distance: f64) -> Result<Vec<Option<f64>>> {
    if predicted.len() != truth.len() {
        let problem = format!("{} points predicted, {} annotated", predicted.len(), truth.len());
        return Err(Error::invalid("landmarks", problem));
    }
    if !(distance.is_finite() && distance > 0.0) {
        return Err(Error::invalid("normalizing distance", format!("{distance} is not a positive number")));
    }
    let error = |(i, (p, t)): (usize, (&Point, &Landmark))| {
        let Some(position) = t.position() else { return Ok(None) };
        let error = p.distance(position) / distance;
        if !error.is_finite() {
            return Err(Error::invalid(format!("landmark {i}"), "its position is not a finite number"));
        }
        Ok(Some(error))
    };
    let errors: Vec<_> = predicted.iter().zip(truth).enumerate().map(error).collect::<Result<_>>()?;
    if errors.iter().all(Option::is_none) {
        return Err(Error::invalid("landmarks", "no point of this face is annotated"));
    }
    Ok(errors)
}

/// The normalized mean error of one face: the mean of [`point_errors`] over the annotated points, a fraction.
///
/// # Errors
/// Those of [`point_errors`].
pub fn nme(predicted: &[Point], truth: &[Landmark], distance: f64) -> Result<f64> {
    let errors = point_errors(predicted, truth, distance)?;
    mean(errors.into_iter().flatten()).ok_or_else(|| Error::invalid("landmarks", "no point is annotated"))
}

/// The mean; `None` for no values.
pub(super) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_points_do_not_count() {
        // Errors 5 px and 1 px over a distance of 20 px: 0.25 and 0.05, mean 0.15; the missing point is left out.
        let predicted = [Point::new(3.0, 4.0), Point::new(900.0, 900.0), Point::new(10.0, 11.0)];
        let truth = [Landmark::visible(0.0, 0.0), Landmark::missing(), Landmark::visible(10.0, 10.0)];
        assert_eq!(point_errors(&predicted, &truth, 20.0).unwrap(), [Some(0.25), None, Some(0.05)]);
        assert!((nme(&predicted, &truth, 20.0).unwrap() - 0.15).abs() < 1e-15);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let (p, t) = ([Point::new(0.0, 0.0)], [Landmark::visible(0.0, 0.0)]);
        assert!(nme(&p, &[], 1.0).unwrap_err().to_string().contains("1 points predicted, 0 annotated"));
        for distance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(nme(&p, &t, distance).is_err());
        }
        assert!(nme(&p, &[Landmark::missing()], 1.0).unwrap_err().to_string().contains("no point"));
        assert!(nme(&[Point::new(f64::NAN, 0.0)], &t, 1.0).unwrap_err().to_string().contains("landmark 0"));
    }
}
