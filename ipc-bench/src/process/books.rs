//! The books of a fan: which message of which producer has reached which consumer. A consumer keeps them
//! while it receives, and passes them on in a file known only to parent and consumer.

use std::fs::OpenOptions;
use std::io::{Read, Seek, Write};

use super::protocol::{Failure, Job, Plan};

/// The books that one consumer keeps, one for each producer.
#[derive(Debug)]
pub(crate) struct Books {
    books: Vec<Book>,
    /// Numbers that arrived after a later one of the same producer.
    pub(crate) reordered: u64,
    /// Numbers that came twice.
    pub(crate) duplicated: u64,
    /// Messages of a producer that does not exist, or with an impossible number.
    pub(crate) damaged: u64,
}

/// One producer's messages: bit `n` is message `n + 1`.
#[derive(Debug, Default)]
struct Book {
    last: u64,
    came: Vec<u64>,
}

/// The room reserved for the traffic of one producer, in messages per nanosecond; more makes it grow.
const RESERVED_RATE: f64 = 0.1;
/// The most room made at the start for one producer, in words. The kernel gives memory only where it is
/// touched.
const RESERVED_MOST: usize = 8 << 20;
/// No consumer is this far behind another one.
const FARTHEST: u64 = 1 << 32;

impl Books {
    /// Empty books for the producers of a plan.
    pub(crate) fn new(plan: &Plan) -> Books {
        let messages = (plan.warm_up_ns + plan.measure_ns) as f64 * RESERVED_RATE;
        let words = ((messages / 64.0) as usize).clamp(1024, RESERVED_MOST);
        let books = (0..plan.producers).map(|_| Book { last: 0, came: vec![0; words] }).collect();
        Books { books, reordered: 0, duplicated: 0, damaged: 0 }
    }

    /// Records the arrival of message `number` of `producer`. Numbers count from 1.
    #[inline(always)]
    pub(crate) fn arrived(&mut self, producer: usize, number: u64) {
        let Some(book) = self.books.get_mut(producer) else {
            self.damaged += 1;
            return;
        };
        if number <= book.last {
            self.reordered += 1;
        } else if number - book.last > FARTHEST {
            self.damaged += 1;
            return;
        } else {
            book.last = number;
        }
        let bit = number.wrapping_sub(1);
        let word = (bit / 64) as usize;
        if word >= book.came.len() {
            book.grow(word);
        }
        let Some(place) = book.came.get_mut(word) else {
            self.damaged += 1;
            return;
        };
        if *place >> (bit % 64) & 1 == 1 {
            // Counted once, as what it is.
            self.reordered -= 1;
            self.duplicated += 1;
        }
        *place |= 1 << (bit % 64);
    }

    /// Writes the books into the file that the parent passed.
    ///
    /// # Errors
    /// There is no such file, or the system refused.
    pub(crate) fn hand_over(&self, job: &Job) -> Result<(), Failure> {
        let number =
            job.books.ok_or_else(|| Failure::Failed("the parent passed no file for the books".into()))?;
        let handing_over = "handing over the books";
        let file = OpenOptions::new().write(true).open(format!("/proc/self/fd/{number}"));
        let mut file = std::io::BufWriter::new(file.map_err(Failure::at(handing_over))?);
        for book in &self.books {
            let used = (book.last.div_ceil(64) as usize).min(book.came.len());
            file.write_all(&(used as u64).to_ne_bytes()).map_err(Failure::at(handing_over))?;
            for word in &book.came[..used] {
                file.write_all(&word.to_ne_bytes()).map_err(Failure::at(handing_over))?;
            }
        }
        file.flush().map_err(Failure::at(handing_over))
    }
}

impl Book {
    #[cold]
    fn grow(&mut self, word: usize) {
        // A number of zero would request all memory.
        if word <= FARTHEST as usize {
            self.came.resize((word + 1).next_power_of_two(), 0);
        }
    }
}

/// The books of all consumers, merged.
#[derive(Debug)]
pub(super) struct Total {
    came: Vec<Vec<u64>>,
    /// Numbers that reached two consumers.
    pub(super) duplicated: u64,
}

impl Total {
    /// Nothing has arrived from any of the producers.
    pub(super) fn new(producers: usize) -> Total {
        Total { came: vec![Vec::new(); producers], duplicated: 0 }
    }

    /// Adds the books of one consumer, read from the start of its file.
    pub(super) fn add(&mut self, mut file: impl Read + Seek) -> Result<(), Failure> {
        let reading = "reading the books";
        file.rewind().map_err(Failure::at(reading))?;
        let mut file = std::io::BufReader::new(file);
        let mut word = || -> Result<u64, Failure> {
            let mut bytes = [0; 8];
            file.read_exact(&mut bytes).map_err(Failure::at(reading))?;
            Ok(u64::from_ne_bytes(bytes))
        };
        for came in &mut self.came {
            let used = word()? as usize;
            for index in 0..used {
                let bits = word()?;
                if index == came.len() {
                    came.push(0);
                }
                self.duplicated += u64::from((came[index] & bits).count_ones());
                came[index] |= bits;
            }
        }
        Ok(())
    }

    /// The number of messages sent by `producer` that reached no consumer.
    pub(super) fn lost(&self, producer: usize, sent: u64) -> u64 {
        let came: u64 = self.came[producer].iter().map(|word| u64::from(word.count_ones())).sum();
        sent.saturating_sub(came)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn books(producers: usize) -> Books {
        let books = (0..producers).map(|_| Book { last: 0, came: vec![0; 1] }).collect();
        Books { books, reordered: 0, duplicated: 0, damaged: 0 }
    }

    fn file(books: &Books) -> Cursor<Vec<u8>> {
        let mut bytes = Vec::new();
        for book in &books.books {
            let used = (book.last.div_ceil(64) as usize).min(book.came.len());
            bytes.extend((used as u64).to_ne_bytes());
            book.came[..used].iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        }
        Cursor::new(bytes)
    }

    #[test]
    fn one_consumer_tells_order_and_repetition_apart() {
        let mut books = books(2);
        for number in [1, 2, 4, 3, 4, 200] {
            books.arrived(1, number);
        }
        books.arrived(0, 1);
        books.arrived(2, 1);
        books.arrived(0, 0);
        assert_eq!((books.reordered, books.duplicated), (2, 1), "3 and the impossible 0 came late, 4 twice");
        assert_eq!(books.damaged, 2, "no third producer, no message 0");
        let mut total = Total::new(2);
        total.add(file(&books)).expect("the books are whole");
        assert_eq!((total.lost(0, 1), total.lost(1, 200)), (0, 195));
    }

    #[test]
    fn books_laid_over_each_other_show_losses_and_repetitions() {
        let (mut odd, mut even) = (books(1), books(1));
        for number in 1..=1000 {
            if number % 2 == 1 { odd.arrived(0, number) } else { even.arrived(0, number) }
        }
        even.arrived(0, 1001);
        odd.arrived(0, 1001);
        let mut total = Total::new(1);
        total.add(file(&odd)).expect("the books are whole");
        assert_eq!(total.lost(0, 1003), 1003 - 501);
        total.add(file(&even)).expect("the books are whole");
        assert_eq!((total.lost(0, 1003), total.duplicated), (2, 1));
    }

    #[test]
    fn books_that_end_early_are_no_books() {
        let mut cut = file(&books(1)).into_inner();
        cut.pop();
        assert!(Total::new(1).add(Cursor::new(cut)).is_err());
    }
}
