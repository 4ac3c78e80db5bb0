//! Takes out of a loop over elements what is the same for each of them, so that the work on an event is bounded by its
//! length times the question's, however lists are nested.

use crate::question::{Each, Operand, Question, Test};

/// Takes out of a loop's body, at its depth, what doesn't depend on its element.
pub(crate) fn lift(each: &mut Each) {
    let depth = each.depth;
    let mut out = Lifted { depth, known: Vec::new(), values: Vec::new() };
    out.question(&mut each.body);
    (each.known, each.values) = (out.known, out.values);
}

/// How many lists must be gone through for a loop's answer, itself not counted: what its range and its body are of.
pub(crate) fn home(each: &Each) -> usize {
    let known = each.known.iter().map(home_of).max().unwrap_or(0);
    let values = each.values.iter().map(Operand::depth).max().unwrap_or(0);
    each.range.depth().max(known).max(values)
}

fn home_of(question: &Question) -> usize {
    match question {
        Question::Is(_) | Question::Known(_) | Question::Within { .. } => 0,
        Question::Not(question) => home_of(question),
        Question::All(questions) | Question::Any(questions) => {
            questions.iter().map(home_of).max().unwrap_or(0)
        }
        Question::Test(test) => home_of_test(test),
        Question::Each(each) => home(each),
    }
}

fn home_of_test(test: &Test) -> usize {
    test.clone().operands().into_iter().map(|operand| operand.depth()).max().unwrap_or(0)
}

struct Lifted {
    depth: usize,
    known: Vec<Question>,
    values: Vec<Operand>,
}

impl Lifted {
    fn question(&mut self, question: &mut Question) {
        match question {
            Question::Is(_) | Question::Known(_) => {}
            Question::Not(question) => self.question(question),
            Question::All(questions) | Question::Any(questions) => {
                questions.iter_mut().for_each(|question| self.question(question));
            }
            Question::Within { .. } => self.take(question),
            Question::Test(test) if home_of_test(test) < self.depth => self.take(question),
            Question::Test(test) => {
                test.operands().into_iter().for_each(|operand| self.operand(operand));
            }
            Question::Each(each) if home(each) < self.depth => self.take(question),
            Question::Each(each) => {
                each.known.iter_mut().for_each(|question| self.question(question));
                each.values.iter_mut().for_each(|operand| self.operand(operand));
            }
        }
    }

    fn take(&mut self, question: &mut Question) {
        let taken = std::mem::replace(question, Question::Known(self.known.len()));
        self.known.push(taken);
    }

    fn operand(&mut self, operand: &mut Operand) {
        let shallower = matches!(operand, Operand::Field(field) if field.depth() < self.depth);
        if shallower {
            let taken = std::mem::replace(operand, Operand::Known(self.values.len()));
            self.values.push(taken);
        }
    }
}
