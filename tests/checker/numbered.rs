//! Things that are met again and again, each kept once and called by a number.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// See the module. Beside the things themselves it takes some six bytes for each.
pub struct Numbered<T> {
    list: Vec<T>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { list: Vec::new(), numbers: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T: Hash + Eq> Numbered<T> {
    /// Its number, and whether it is new.
    pub fn number(&mut self, thing: T) -> (u32, bool) {
        let hash = self.hasher.hash_one(&thing);
        let Self { list, numbers, hasher } = self;
        let same = |number: &u32| list[*number as usize] == thing;
        let entry = numbers.entry(hash, same, |number| hasher.hash_one(&list[*number as usize]));
        match entry {
            hashbrown::hash_table::Entry::Occupied(there) => (*there.get(), false),
            hashbrown::hash_table::Entry::Vacant(free) => {
                let number = u32::try_from(list.len()).expect("fewer things than that");
                free.insert(number);
                list.push(thing);
                (number, true)
            }
        }
    }

    /// The same, of a thing that need not be copied if it is known.
    pub fn number_of(&mut self, thing: &T) -> u32
    where
        T: Clone,
    {
        let hash = self.hasher.hash_one(thing);
        match self.numbers.find(hash, |number| self.list[*number as usize] == *thing) {
            Some(number) => *number,
            None => self.number(thing.clone()).0,
        }
    }

    pub fn get(&self, number: u32) -> &T {
        &self.list[number as usize]
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }
}
